create type genre as enum ('novel', 'poetry', 'science');

create table books (
  id int primary key,
  title text not null,
  genre genre not null,
  subtitle text
);

create table members (
  id int primary key,
  name text not null,
  email text
);

create table loans (
  id int generated always as identity primary key,
  book_id int not null references books,
  member_id int not null references members,
  lent_on date not null default current_date,
  returned_on date
);
